"""Prints one document: JSON on standard input, the PDF on standard output (`services.documents.printed`)."""

import sys

from services.documents import lay_out

sys.stdout.buffer.write(lay_out(sys.stdin.buffer.read().decode()))
