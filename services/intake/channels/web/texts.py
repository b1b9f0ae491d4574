"""What the pages say, in Chinese first and in English."""

from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("zh", "en")
_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "title": ("12345 网上诉求", "Report a matter"),
    "district": ("{}政务服务便民热线", "{} Residents' hotline"),
    "other": ("English", "中文"),
    "danger": (
        "正在发生危险，请不要填表，立即拨打：公安 110、消防 119、急救 120、交通事故 122。",
        "In danger now? Do not fill in a form. Call police 110, fire 119, ambulance 120, traffic accidents 122.",
    ),
    "kind": ("您想", "You want to"),
    "complain": ("投诉问题", "complain about a problem"),
    "help": ("请求帮助", "ask for help"),
    "consult": ("咨询", "ask a question"),
    "suggest": ("提建议", "make a suggestion"),
    "report": ("举报", "report a wrong"),
    "text": ("发生了什么事", "What is the matter"),
    "text_hint": (
        "什么时间、什么情况、希望怎样解决。请不要在这里写身份证号和电话。",
        "When, what, and what should be done. Please leave out phone and identity numbers here.",
    ),
    "address": ("在什么地方", "Where"),
    "address_hint": (
        "小区、楼栋或道路门牌，例如：博苑花园3幢",
        "A compound and building, or a road and number",
    ),
    "locate": ("使用我现在的位置", "Use where I am now"),
    "located": ("已记下您的位置", "Your position was noted"),
    "unlocated": ("没有取得位置，请填写地址", "Your position is not known; please write the address"),
    "contact": ("怎样联系您（可不填）", "How to reach you (optional)"),
    "contact_hint": (
        "加密保存，不会告诉被反映的单位。不留电话，我们无法回访，请保管好查询码。",
        "Stored encrypted, never told to the unit complained of. Without a phone we cannot call you back: keep the "
        "tracking code.",
    ),
    "name": ("称呼", "Name"),
    "phone": ("电话", "Phone"),
    "confidential": (
        "内容也请保密，只让承办单位看到",
        "Keep the words confidential, too: for the handling unit only",
    ),
    "files": (
        "照片或文件（可不选，最多5个，每个不超过20 MB）",
        "Photos or files (optional, up to 5 of 20 MB each)",
    ),
    "files_hint": (
        "图片中记录的拍摄地点会被删除。支持 JPEG、PNG、WebP、HEIC、PDF、MP4、M4A、AMR。",
        "The place that a camera notes in a picture is removed. JPEG, PNG, WebP, HEIC, PDF, MP4, M4A, AMR.",
    ),
    "send": ("提交", "Send"),
    "website": ("请不要填写此栏", "Leave this field empty"),
    "have_code": ("已经提交过？", "Sent one before?"),
    "track": ("查询进展", "See how it stands"),
    "code": ("查询码", "Tracking code"),
    "code_hint": ("12位字母和数字", "12 letters and digits"),
    "received": ("已收到", "We have it"),
    "keep": (
        "请抄下或截图保存查询码。凭它可以查看进展、补充情况、撤回和评价；任何人拿到它都可以，请不要转给别人。",
        "Write the tracking code down or keep a picture of it. Whoever has it sees how the matter stands, adds, "
        "takes it back and rates it: give it to nobody.",
    ),
    "status": ("当前状态", "Status"),
    "steps": ("办理过程", "What was done"),
    "add": ("补充情况", "Add to it"),
    "add_text": ("补充说明", "What is new"),
    "withdraw": ("撤回", "Take it back"),
    "reason": ("撤回原因（可不填）", "Why (optional)"),
    "sure": ("我确认撤回这件诉求", "Yes, I take this matter back"),
    "reopen": ("要求重新办理", "Have it handled again"),
    "reopen_reason": ("还有什么没有解决", "What is not settled"),
    "reopen_until": ("{}（含当日）前可以要求重新办理。", "You can ask for this until {}, that day included."),
    "rate": ("评价", "Say how it was handled"),
    "contacted": ("承办单位联系您了吗", "Were you contacted"),
    "resolved": ("问题解决了吗", "Is it solved"),
    "satisfied": ("您满意吗", "Are you satisfied"),
    "note": ("想说的话（可不填）", "Anything else (optional)"),
    "yes": ("是", "Yes"),
    "no": ("否", "No"),
    "again": ("返回首页", "Back to the first page"),
    "thanks": ("已记录。", "Noted."),
    "words_are_chinese": ("", "The steps are in Chinese."),
    "mend": ("请更正以下内容后再提交：", "Please mend this and send again:"),
    "attached": ("已保存", "stored"),
    "file": ("附件", "file"),
    # by field, and by problem code
    "text_wrong": (
        "请写明发生了什么事（不超过20000字）",
        "Say what the matter is, in 20,000 characters at most",
    ),
    "address_wrong": ("地址不能超过500字", "An address has 500 characters at most"),
    "place_wrong": (
        "位置不在本区，请填写地址",
        "The position lies outside the district; please write the address",
    ),
    "phone_wrong": ("电话应为6至20位数字", "A phone number has 6 to 20 digits"),
    "name_wrong": ("称呼不能超过100字", "A name has 100 characters at most"),
    "note_wrong": ("文字应为2至2000字", "The words have 2 to 2,000 characters"),
    "answers_wrong": ("请回答三个问题", "Please answer the three questions"),
    "sure_wrong": ("请勾选确认撤回", "Please tick that you take it back"),
    "field_wrong": ("有的内容不能识别", "Something cannot be read"),
    "form_expired": (
        "页面已过期，内容还在，请再点一次提交。",
        "The page was too old. Your words are here: send again.",
    ),
    "robot": ("请将“请不要填写此栏”留空。", "Leave the field empty that says so."),
    "too_many_reports": (
        "提交太频繁，请稍后再试，或拨打12345。",
        "Too many reports. Wait, or call 12345.",
    ),
    "case_unknown": ("没有这个查询码，请核对。", "There is no such tracking code. Please check it."),
    "too_many_wrong_codes": ("错误的查询码太多，请稍后再试。", "Too many wrong codes. Try again later."),
    "case_withdrawn": (
        "这件诉求已经撤回。如有需要请重新提交。",
        "This matter was taken back. Send a new one if need be.",
    ),
    "report_withdrawn": (
        "您已经撤回了反映。如有需要请重新提交。",
        "You took your report back. Send a new one if need be.",
    ),
    "case_closed": (
        "这件诉求已经办结。如有新情况请重新提交。",
        "This matter is closed. Send what is new as a new one.",
    ),
    "case_open": (
        "这件诉求正在办理，不需要重新办理。",
        "This matter is being handled: there is nothing to reopen.",
    ),
    "not_reopenable": (
        "这件诉求不能再重新办理。如有新情况请重新提交。",
        "This matter cannot be reopened. Send what is new as a new one.",
    ),
    "reopening_asked": ("您已要求重新办理，请等待。", "You have asked for that already. Please wait."),
    "reopening_over": (
        "已超过重新办理的期限。如有新情况请重新提交。",
        "It is too late to reopen this matter. Send what is new as a new one.",
    ),
    "unsupported_attachment": ("不支持这种文件", "this kind of file is not taken"),
    "attachment_broken": ("图片已损坏", "the picture is damaged"),
    "attachment_too_large": ("文件超过20 MB", "the file is larger than 20 MB"),
    "too_many_attachments": ("附件太多", "there are too many files"),
    "attachment_too_slow": ("上传太慢，没有收全", "it came too slowly"),
    "too_many_files": ("上传太频繁，请稍后再补充", "too many were sent; add it later"),
    "body_too_large": ("提交的内容太大", "What you send is too large"),
    "cross_site": ("请从本页面提交。", "Please send it from this page itself."),
    "other_problem": (
        "现在不能受理，请稍后再试，或拨打12345。",
        "It cannot be taken now. Try again later, or call 12345.",
    ),
}


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts in one language."""

    language: str

    def __getitem__(self, name: str) -> str:
        return _TEXTS[name][LANGUAGES.index(self.language)]

    def problem(self, code: str) -> str:
        """Return what a problem of this code is to a resident."""
        return self[code if code in _TEXTS else "other_problem"]

    @property
    def other(self) -> str:
        """Return the code of the other language."""
        return LANGUAGES[1 - LANGUAGES.index(self.language)]


def texts(language: str | None) -> Texts:
    """Return the texts in a language; Chinese where it is none of ours."""
    return Texts(language if language in LANGUAGES else LANGUAGES[0])
