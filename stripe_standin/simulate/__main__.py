"""`python -m stripe_standin.simulate`: years of business against a running shop.

    python -m stripe_standin.simulate --standin http://localhost:12111 \\
        --shop http://localhost:8000 --customers 200 --years 3 --seed 1 \\
        --then "python manage.py reconcile --all"

The shop's processes must live by the stand-in's clock (`GET /_test/clock`). `--then` is run at the
end, and again until it says what `--until` wants, or the same again and again; it is where the
shop compares its books.
"""

import argparse
import random
import shlex
import subprocess
import sys
import time

from .comparing import differences
from .doors import Shop, Standin
from .people import make_population
from .years import Business

TRIES, SAME = 100, 5  # of which so many say the same


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stripe_standin.simulate")
    parser.add_argument("--standin", required=True)
    parser.add_argument("--shop", required=True)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--years", type=float, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", type=int, default=1, help="weeks that pass at once")
    parser.add_argument("--then", default="", help="a command that compares the shop's books")
    parser.add_argument(
        "--until",
        default=" 0 waiting, 0 events had not arrived, drift: none",
        help="what it must say at last",
    )
    return parser.parse_args()


def main() -> int:
    arguments = read_arguments()
    weeks = int(arguments.years * 52)
    people = make_population(arguments.seed, arguments.customers, weeks)
    chance = random.Random(arguments.seed)  # noqa: S311 - repeatable
    business = Business(Standin(arguments.standin), Shop(arguments.shop), people, chance)
    started = time.monotonic()
    for week in business.live(weeks, arguments.step):
        if week // 13 > (week - arguments.step) // 13:
            say(f"week {week} of {weeks}, {time.monotonic() - started:.0f} s: {told(business)}")
    books_agree = not arguments.then or compare_books(business, arguments)
    wrong = list(differences(business))
    for sentence in wrong:
        say(sentence)
    say(
        f"{len(people)} people, {weeks} weeks, {time.monotonic() - started:.0f} s, {told(business)}"
    )
    say(f"{len(wrong)} have more or less than they should")
    return 0 if books_agree and not wrong else 1


def compare_books(business: Business, arguments: argparse.Namespace) -> bool:
    """Let the shop look for what was lost, and put it right, for as long as that gets it further;
    then nothing may be left.
    """
    said, same = "", 0
    for _ in range(TRIES):
        done = subprocess.run(  # noqa: S603 - the caller's own command
            shlex.split(arguments.then), capture_output=True, text=True, check=False
        )
        same = same + 1 if done.stdout == said else 1
        said = done.stdout
        say((said + done.stderr).strip()[-1000:])
        business.standin.wait_until_quiet()
        if arguments.until in said or same == SAME:
            break
    return arguments.until in said


def told(business: Business) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(business.done.items()))


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
