"""Makes the message of a delivery: its text in the recipient's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from schemas.jurisdiction import Jurisdiction
from services.notify.contacts import Contact
from services.notify.domain import FactKind, Language
from services.notify.domain.notices import Plain
from services.notify.queue import Delivery
from services.notify.senders.base import Address, Message
from services.notify.table import Table
from services.notify.templates import ANSWER, Rendered, in_words, render


@dataclass(frozen=True, slots=True)
class Composer:
    """The texts of a jurisdiction. `public_url`: where residents reach intake's page."""

    table: Table
    jurisdiction: Jurisdiction
    public_url: str

    def asks(self, delivery: Delivery) -> bool:
        """Whether the message asks for an answer, and has to carry the signed link to a callback (R-HOT-08)."""
        text = self.table.texts.get(delivery.template)
        return text is not None and text.asks

    def for_resident(self, delivery: Delivery, contact: Contact, answer: str | None) -> Message:
        """The message to a reporter, who gets the tracking code of the own report.

        answer: the path of the signed link, for one that asks for an answer.
        """
        code = contact.code or ""
        link = f"{self.public_url}/track?code={code}"
        more = {"code": code, "link": link}
        if answer is not None:
            link = more[ANSWER] = f"{self.public_url}{answer}"
        return self._message(delivery, contact.language, contact.addresses[delivery.channel], more, link=link)

    def for_unit(self, delivery: Delivery) -> Message:
        """The message to a unit's endpoint, in Chinese."""
        return self._message(delivery, "zh", delivery.unit or "", {}, link=None)

    def shown(
        self, template: str, facts: Mapping[str, Plain], case_id: UUID, language: Language
    ) -> Rendered | None:
        """A unit's notice as it is read in the inbox; None where today's file has no such template."""
        if template not in self.table.texts:
            return None
        params = self._params(template, facts, case_id, language)
        return render(self.table.texts[template], language, params)

    def _message(
        self, delivery: Delivery, language: Language, to: str, more: Mapping[str, str], *, link: str | None
    ) -> Message:
        params = {**self._params(delivery.template, delivery.facts, delivery.case_id, language), **more}
        text = self.table.texts[delivery.template]
        rendered = render(text, language, params)
        return Message(
            message_id=delivery.message_id,
            channel=delivery.channel,
            to=Address(to),
            language=language,
            subject=rendered.subject,
            text=rendered.text,
            params={name: _as_text(value) for name, value in params.items()},
            template=text,
            event_id=delivery.event_id,
            case_id=delivery.case_id,
            recipient=delivery.recipient,
            name=delivery.template,
            link=link,
            at=delivery.created_at,
        )

    def _params(
        self, template: str, facts: Mapping[str, Plain], case_id: UUID, language: Language
    ) -> dict[str, Plain]:
        kinds: Mapping[str, FactKind] = self.table.kinds.get(template, {})
        # What the file names today and the stored notice does not have is told as nothing.
        told = {
            name: in_words(facts.get(name), kind, language, self.jurisdiction) for name, kind in kinds.items()
        }
        return {**told, "case": case_id.hex[-8:]}  # the digits that chance made, not the time


def _as_text(value: Plain) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
