"""What stands in the agreement (R-MED-07) and in the application to the court (R-MED-09)."""

from collections.abc import Sequence
from datetime import date, datetime

from chassis.calendar import SHANGHAI
from schemas.mediation import Side
from services.documents import Document, Section
from services.mediation.api.office import Office
from services.mediation.api.papers import PartiesPaper, Person, StoredAgreement
from services.mediation.domain import Mediation

SIDES = {Side.APPLICANT: "申请人", Side.RESPONDENT: "被申请人"}


def agreement_document(
    office: Office, state: Mediation, parties: PartiesPaper, paper: StoredAgreement
) -> Document:
    """TJ29: parties; facts, issues and responsibility; terms, manner and time; signatures and seal."""
    procedure = office.mediators.procedures[state.procedure]
    committee = office.mediators.committees.get(state.committee or "")
    terms = [
        f"{words}（履行期限：{_day(one.due)}前）"
        for words, one in zip(paper.terms, paper.obligations, strict=True)
    ]
    return Document(
        title="人民调解协议书" if "人民调解" in procedure.name else "调解协议书",
        number=_number(state),
        sections=(
            *_persons(state, parties.persons),
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
        signatures=(*_signers(state, parties.persons), *(f"调解员 {code}" for code in state.mediators)),
        seal=_in_full(office, committee.name if committee else office.name(state.unit)),
        date=_date(state.effective_at),
    )


def confirmation_application(
    office: Office, state: Mediation, parties: PartiesPaper, paper: StoredAgreement
) -> Document:
    """QR3: the joint application with what the court has to know; nothing of it costs a fee (QR11)."""
    committee = office.mediators.committees.get(state.committee or "")
    by = _in_full(office, committee.name if committee else office.name(state.unit))
    court = office.jurisdiction.legal_exits["court"].authority
    when = _date(state.effective_at)
    return Document(
        title="司法确认申请书",
        number=_number(state),
        sections=(
            *_persons(state, parties.persons, jointly=True),
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
        ),
        signatures=tuple(f"申请人 {person.name}" for person in parties.persons),
        date="　　年　　月　　日",
    )


def _in_full(office: Office, name: str) -> str:
    """A name for readers elsewhere: 区人民法院 is 鼓楼区人民法院."""
    return office.jurisdiction.name + name[1:] if name.startswith("区") else name


def _persons(state: Mediation, persons: Sequence[Person], *, jointly: bool = False) -> tuple[Section, ...]:
    """当事人的基本情况: a table for each party, the applicant's first; before the court both are applicants."""
    by_label = {person.label: person for person in persons}
    ordered = sorted(state.parties, key=lambda party: (party.side is not Side.APPLICANT, party.label))
    return tuple(
        Section(
            fields=(
                ("申请人" if jointly else SIDES[party.side], f"（{party.label}）{one.name}"),
                *_details(one),
            )
        )
        for party in ordered
        for one in (by_label[party.label],)
    )


def _details(person: Person) -> tuple[tuple[str, str], ...]:
    given = (("证件号码", person.identity), ("住址", person.address), ("联系电话", person.phone))
    return tuple((label, value) for label, value in given if value)


def _signers(state: Mediation, persons: Sequence[Person]) -> tuple[str, ...]:
    sides = {party.label: SIDES[party.side] for party in state.parties}
    return tuple(f"{sides[person.label]} {person.name}" for person in persons)


def _number(state: Mediation) -> str:
    year = state.opened_at.astimezone(SHANGHAI).year if state.opened_at else ""
    return f"调〔{year}〕{str(state.case_id)[:8]}-{state.round}号"


def _date(at: datetime | None) -> str:
    return _day(at.astimezone(SHANGHAI).date()) if at else "　　年　　月　　日"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
