"""What stands in the agreement (R-MED-07) and in the application to the court (R-MED-09)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from chassis.calendar import SHANGHAI
from schemas.mediation import Party, Side
from services.documents import Document, Section
from services.mediation.api.office import Office
from services.mediation.api.papers import PartiesPaper, Person, StoredAgreement
from services.mediation.domain import Mediation
from services.mediation.domain.state import Agreement

TO_FILL_IN: Final = "＿＿＿＿＿＿＿＿（请填写）"
SIDES = {Side.APPLICANT: "申请人", Side.RESPONDENT: "被申请人"}


@dataclass(frozen=True, slots=True)
class Printed:
    """An agreement, drafted or in effect, with the papers that belong to it."""

    state: Mediation
    number: int
    parties: PartiesPaper
    paper: StoredAgreement

    @property
    def made(self) -> Mediation | Agreement:
        """The agreement; of a draft, the round that is under way."""
        return self.state.agreement(self.number) or self.state

    @property
    def effective_at(self) -> datetime | None:
        """From when on it binds; None for a draft."""
        found = self.state.agreement(self.number)
        return found.effective_at if found else None

    def persons(self) -> list[tuple[Party, Person]]:
        """The parties as they are on paper, the applicants first."""
        by_label = {person.label: person for person in self.parties.persons}
        ordered = sorted(self.made.parties, key=lambda party: (party.side is not Side.APPLICANT, party.label))
        return [(party, by_label[party.label]) for party in ordered if party.label in by_label]


def agreement_document(office: Office, printed: Printed) -> Document:
    """TJ29: parties; facts, issues and responsibility; terms, manner and time; signatures and seal."""
    made, paper = printed.made, printed.paper
    procedure = office.mediators.procedures[made.procedure]
    committee = office.mediators.committees.get(made.committee or "")
    terms = [
        f"{words}（履行期限：{_day(one.due)}前）"
        for words, one in zip(paper.terms, paper.obligations, strict=True)
    ]
    return Document(
        title="人民调解协议书" if "人民调解" in procedure.name else "调解协议书",
        number=_number(printed),
        sections=(
            *_persons(printed),
            Section("一、纠纷主要事实", paragraphs=(paper.facts,)),
            Section("二、争议事项", paragraphs=(paper.issues,)),
            Section("三、各方当事人的责任", paragraphs=(paper.responsibility,)),
            Section("四、经调解，自愿达成如下协议", paragraphs=tuple(terms), numbered=True),
            Section("五、履行方式", paragraphs=(paper.manner,)),
            Section(
                "六、效力",
                paragraphs=(
                    "本协议自各方当事人签名、盖章或者按指印，调解员签名并加盖调解组织印章之日起生效。"
                    "当事人应当按照约定履行；就协议的履行或者内容发生争议的，可以向人民法院提起诉讼。"
                    "双方认为有必要的，可以自协议生效之日起三十日内共同向人民法院申请司法确认。调解不收取任何费用。",
                ),
            ),
        ),
        signatures=(
            *(f"{SIDES[party.side]} {person.name}" for party, person in printed.persons()),
            *(f"调解员 {code}" for code in made.mediators),
            *_seat_holders(office, made),
        ),
        seal=_in_full(office, committee.name if committee else office.name(made.unit)),
        date=_date(printed.effective_at),
    )


def confirmation_application(office: Office, printed: Printed) -> Document:
    """QR3: the joint application with what the court has to know; nothing of it costs a fee (QR11).

    What the court asks for and nobody told is a line to fill in, and named at the end.
    """
    made, paper = printed.made, printed.paper
    committee = office.mediators.committees.get(made.committee or "")
    by = _in_full(office, committee.name if committee else office.name(made.unit))
    court = office.jurisdiction.legal_exits["court"].authority
    when = _date(printed.effective_at)
    return Document(
        title="司法确认申请书",
        number=_number(printed),
        sections=(
            *_persons(printed, jointly=True),
            Section("请求事项", paragraphs=(f"请求依法确认申请人于{when}达成的调解协议有效。",)),
            Section(
                "事实和理由",
                paragraphs=(
                    paper.issues,
                    f"经{by}主持调解，各方自愿达成调解协议，内容如下：",
                    *(f"（{index}）{words}" for index, words in enumerate(paper.terms, 1)),
                ),
            ),
            Section(
                "承诺",
                paragraphs=(
                    "申请人出于解决纠纷的目的自愿达成协议，没有恶意串通、规避法律的行为；如果因该协议内容而给他人造成损害的，"
                    "愿意承担相应的民事责任和其他法律责任。",
                    "附：调解协议书、身份证明及与调解协议相关的财产权利证明等材料。",
                ),
            ),
            Section(paragraphs=(f"此致　{_in_full(office, office.name(court or ''))}",)),
            *_lacking(printed),
        ),
        signatures=tuple(f"申请人 {person.name}" for _, person in printed.persons()),
        date="　　年　　月　　日",
    )


def _in_full(office: Office, name: str) -> str:
    """A name for readers elsewhere: 区人民法院 is 鼓楼区人民法院."""
    return office.jurisdiction.name + name[1:] if name.startswith("区") else name


def _persons(printed: Printed, *, jointly: bool = False) -> tuple[Section, ...]:
    """当事人的基本情况: a table for each party, the applicant's first; before the court both are applicants, and
    all that the court must know has its line (QR3)."""
    return tuple(
        Section(
            fields=(
                ("申请人" if jointly else SIDES[party.side], f"（{party.label}）{one.name}"),
                *((label, value or TO_FILL_IN) for label, value in _details(one) if value or jointly),
            )
        )
        for party, one in printed.persons()
    )


def _details(person: Person) -> tuple[tuple[str, str], ...]:
    return (("证件号码", person.identity), ("住址", person.address), ("联系电话", person.phone))


def _lacking(printed: Printed) -> tuple[Section, ...]:
    """QR3: proof of identity, an address for service and a phone number of each party."""
    lacking = [
        f"申请人{party.label}：{'、'.join(missing)}"
        for party, one in printed.persons()
        if (missing := [label for label, value in _details(one) if not value])
    ]
    words = "；".join(lacking)
    told = f"以下内容登记时未提供，请补填后再向人民法院提交（司法确认规定第三条）：{words}。"
    return (Section("【提交前请补充】", paragraphs=(told,)),) if lacking else ()


def _seat_holders(office: Office, made: Mediation | Agreement) -> tuple[str, ...]:
    """民警 and 律师, who sat with the mediators, sign with them."""
    names = {seat.code: seat.name for panel in office.mediators.panels.values() for seat in panel.seats}
    return tuple(f"{names.get(seat.seat, seat.seat)} {seat.staff}" for seat in made.seats)


def _number(printed: Printed) -> str:
    """By year, case and running number in the case, so that no two agreements are cited alike."""
    opened = printed.made.opened_at
    year = opened.astimezone(SHANGHAI).year if opened else ""
    return f"调〔{year}〕{printed.state.case_id}-{printed.number}号"


def _date(at: datetime | None) -> str:
    return _day(at.astimezone(SHANGHAI).date()) if at else "　　年　　月　　日"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
