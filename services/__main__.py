"""`python -m services …`: run the system or one service, and work with a running one."""

from services.cli import main

if __name__ == "__main__":
    main(prog_name="python -m services")
