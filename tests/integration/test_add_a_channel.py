"""The channel of the how-to, as the page has it, in the running service."""

import hmac
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

from tests.intake_kit import running

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-channel.md"
SECRET = "planted-fax-secret"


@pytest.fixture
def fax() -> Iterator[Any]:
    """The page's Python as a module, which pydantic and FastAPI look names up in."""
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    module = ModuleType("fax_of_the_page")
    sys.modules[module.__name__] = module
    exec(compile(code, PAGE.name, "exec"), module.__dict__)
    yield module
    del sys.modules[module.__name__]


async def test_the_channel_of_an_afternoon_works(fax: Any, intake_url: str, tmp_path: Path) -> None:
    """R-HOT-02, R-LAD-05: signed sheets become cases, each once; a danger is told; forged ones are refused."""
    assert fax.configured({}) is None
    channel = fax.configured({"CASELADDER_FAX_SECRET": SECRET})
    async with running(intake_url, tmp_path, [channel]) as intake:

        async def send(number: str, text: str, secret: str = SECRET) -> tuple[int, str]:
            sheet = {"number": number, "caller": "051683712345", "text": text, "scan": f"scan:{number}"}
            raw = orjson.dumps(sheet)
            signature = hmac.digest(secret.encode(), raw, "sha256").hex()
            answer = await intake.client.post(
                "/v1/channels/fax", content=raw, headers={"X-Signature": signature}
            )
            return answer.status_code, answer.text

        first = await send("1", "秋岭公寓三单元楼道灯坏了")
        assert first[0] == 201
        assert await send("1", "秋岭公寓三单元楼道灯坏了") == first
        assert "立即拨打消防119" in (await send("2", "我家着火了，快来人"))[1]
        assert (await send("3", "x", "wrong"))[0] == 403
        assert await intake.count("case_file") == 2
        tracked = await intake.client.get(f"/v1/track/{first[1]}")
        assert tracked.status_code == 200
