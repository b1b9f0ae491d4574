"""The printing process: a document as JSON on standard input, its PDF on standard output."""

import sys
from pathlib import Path

import orjson
import pylopdf_fonts_zh_cn
import typst

from services.documents.legible import drawable, legible


def main() -> None:
    """Print one document."""
    fonts = pylopdf_fonts_zh_cn.serif_path().parent
    document = legible(orjson.loads(sys.stdin.buffer.read()), drawable(fonts.glob("*.otf")))
    pdf = typst.compile(
        Path(__file__).with_name("official.typ"),
        font_paths=[fonts],
        ignore_system_fonts=True,
        sys_inputs={"document": orjson.dumps(document).decode()},
    )
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main()
