#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes an import file of realistic payments, the same one for the same seed.

    make_csv.py [--rows 10000] [--broken 50] [--duplicates 100] [--seed 1] [--out FILE]

The rows are payments (about nine in ten) and refunds of them, in currencies with none, two and
three decimals. `--duplicates` of them repeat an earlier row, key included; exactly `--broken` are
broken, in many ways, and must be rejected. Prints what it made to standard error.
"""

import argparse
import random
import sys

HEADER = "type,idempotency_key,payment_key,payer,payee,amount,currency,country,text"

# currency: decimals, a usual amount in major units, countries, share
CURRENCIES = {
    "EUR": (2, 38, ["DE", "FR", "ES", "IT", "NL", "AT", "FI"], 40),
    "USD": (2, 45, ["US"], 25),
    "GBP": (2, 33, ["GB"], 10),
    "JPY": (0, 4200, ["JP"], 10),
    "CHF": (2, 52, ["CH"], 4),
    "SEK": (2, 380, ["SE"], 4),
    "BHD": (3, 14, ["BH"], 4),
    "KWD": (3, 12, ["KW"], 1),
    "KRW": (0, 52000, ["KR"], 2),
}
MERCHANTS = ["books", "coffee", "groceries", "trains", "cinema", "shoes", "hotel", "pharmacy",
             "games", "flowers", "bikes", "bakery", "insurance", "energy", "phones", "toys"]
GOODS = ["order", "invoice", "ticket", "subscription", "booking", "basket"]
REASONS = ["damaged", "returned", "too late", "wrong size", "goodwill", 'said "never arrived"']

LEAD = 20  # the first rows are good payments, so that there is something to refund and repeat


def decimal(minor, decimals):
    if decimals == 0:
        return str(minor)
    return f"{minor // 10**decimals}.{minor % 10**decimals:0{decimals}d}"


def quoted(field):
    return '"' + field.replace('"', '""') + '"' if any(c in field for c in ',"') else field


def row(*fields):
    return ",".join(quoted(field) for field in fields)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.number = 0
        self.payments = []  # [key, currency, amount left, in minor units]

    def key(self, prefix):
        self.number += 1
        return f"{prefix}-{self.number:06d}-{self.random.getrandbits(32):08x}"

    def payment_fields(self):
        rnd = self.random
        currency = rnd.choices(list(CURRENCIES), [c[3] for c in CURRENCIES.values()])[0]
        decimals, usual, countries, _ = CURRENCIES[currency]
        # Log-normal: many small amounts, few large ones; a few large enough for the risk rules.
        minor = max(1, round(usual * rnd.lognormvariate(0, 1.1) * 10**decimals))
        country = rnd.choice(countries)
        payer = f"customer-{country.lower()}-{int(rnd.triangular(0, 300, 0)):03d}"
        payee = f"merchant-{rnd.choice(MERCHANTS)}-{rnd.randrange(6)}"
        text = f"{rnd.choice(GOODS)} {rnd.randrange(10**6)}"
        if rnd.random() < 0.05:
            text += ", gift"
        if rnd.random() < 0.03:
            text = "Größe 42, " + text
        return currency, minor, country, payer, payee, text

    def payment(self):
        currency, minor, country, payer, payee, text = self.payment_fields()
        key = self.key("p")
        self.payments.append([key, currency, minor])
        return row("payment", key, "", payer, payee, decimal(minor, CURRENCIES[currency][0]),
                   currency, country, text)

    def refund(self):
        rnd = self.random
        paid = rnd.choice(self.payments)
        if paid[2] == 0:
            return self.payment()
        part = paid[2] if rnd.random() < 0.4 else rnd.randint(1, paid[2])
        paid[2] -= part
        return row("refund", self.key("r"), paid[0], "", "",
                   decimal(part, CURRENCIES[paid[1]][0]), paid[1], "", rnd.choice(REASONS))

    def broken(self, kind):
        """A row that must be rejected; `kind` counts up, so that all ways are used."""
        rnd = self.random
        key, euros = self.key("b"), decimal(rnd.randint(1, 9999), 2)
        payer, payee = "customer-x", "merchant-x"
        paid = rnd.choice(self.payments)
        ways = [
            lambda: row("payment", key, "", payer, payee, euros, "EUX", "DE", "x"),
            lambda: row("payment", key, "", payer, payee, euros, "eur", "DE", "x"),
            lambda: row("payment", key, "", payer, payee, euros, "", "DE", "x"),
            lambda: row("payment", key, "", payer, payee, "-" + euros, "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, "0.00", "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, "12.345", "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, "99.5", "JPY", "JP", ""),
            lambda: row("payment", key, "", payer, payee, "1.2345", "BHD", "", ""),
            lambda: row("payment", key, "", payer, payee, "1,250.00", "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, "twelve", "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, "", "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, "1e400", "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, "9" * 30, "EUR", "", ""),
            lambda: row("payment", "", "", payer, payee, euros, "EUR", "", ""),
            lambda: row("payment", "k" * 300, "", payer, payee, euros, "EUR", "", ""),
            lambda: row("payment", key, "", "", "merchant-x", euros, "EUR", "", ""),
            lambda: row("payment", key, "", "customer x", "merchant-x", euros, "EUR", "", ""),
            lambda: row("payment", key, "", "same", "same", euros, "EUR", "", ""),
            lambda: row("payment", key, "", payer, payee, euros, "EUR", "Germany", ""),
            lambda: row("payment", key, "", payer, payee, euros, "EUR", "", "x" * 300),
            lambda: row("payment", key, "", payer, payee, euros, "EUR"),
            lambda: row("payment", key, "", payer, payee, euros, "EUR", "", "", "more"),
            lambda: row("transfer", key, "", payer, payee, euros, "EUR", "", ""),
            lambda: "payment," + key + ',,"customer-x,merchant-x,5.00,EUR,DE,open quote',
            lambda: "payment," + key + ',,"customer"-x,merchant-x,5.00,EUR,DE,text after a quote',
            lambda: "payment," + key + ",,customer-x,merchant-x,5.00,EUR,DE,latin-1 caf\udce9",
            lambda: "complete nonsense",
            # One by the service's judgement: a key that served another payment before.
            lambda: row("payment", paid[0], "", payer, payee, "4321.99", "EUR", "", ""),
            lambda: row("refund", key, "p-never-made", "", "", euros, "EUR", "", "x"),
            lambda: row("refund", key, "", "", "", euros, "EUR", "", "x"),
            lambda: row("refund", key, paid[0], "", "",
                        decimal(10**12, CURRENCIES[paid[1]][0]), paid[1], "", "too much"),
            lambda: row("refund", key, paid[0], "", "", "1", "ZWG", "", "another currency"),
        ]
        return ways[kind % len(ways)]()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000, help="rows in all")
    parser.add_argument("--broken", type=int, default=50)
    parser.add_argument("--duplicates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="-")
    options = parser.parse_args()
    maker = Maker(options.seed)
    plan = (["broken"] * options.broken + ["duplicate"] * options.duplicates +
            ["good"] * (options.rows - options.broken - options.duplicates - LEAD))
    maker.random.shuffle(plan)
    plan = ["good"] * LEAD + plan

    lines, good, broken = [HEADER], [], 0
    for kind in plan:
        if kind == "broken":
            lines.append(maker.broken(broken))
            broken += 1
        elif kind == "duplicate":
            lines.append(maker.random.choice(good))
        else:
            refund = len(good) >= LEAD and maker.random.random() < 0.1
            good.append(maker.refund() if refund else maker.payment())
            lines.append(good[-1])
    data = "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")
    if options.out == "-":
        sys.stdout.buffer.write(data)
    else:
        with open(options.out, "wb") as out:
            out.write(data)
    print(f"{options.rows} rows: {len(good)} good, {options.duplicates} duplicates, "
          f"{broken} broken", file=sys.stderr)


if __name__ == "__main__":
    main()
