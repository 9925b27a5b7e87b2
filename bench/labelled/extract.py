"""Reads texts that others have labelled, and writes them as JSON lines for `aegis bench detectors`.

usage: extract.py PACKAGES CHECKOUTS

PACKAGES holds, in `site`, the packages of packages.txt, and the unpacked sources of those whose texts are not installed with them. CHECKOUTS may hold clones of
presidio and detect-secrets, whose tests are in no package. Each line is one text or one tool call's arguments:

  {"source": …, "value": a string or an object, "labels": [{"detector": …, "value": …}], "covers": [detectors that the labeller looked for]}

What a detector of `covers` finds besides the labels is wrong. Nothing here is labelled by hand: a label is what a set's author wrote down,
or, in generated records, the name of the method that made the value.
"""

import ast
import doctest
import importlib
import json
import pathlib
import pkgutil
import random
import re
import sys

packages, checkouts = (pathlib.Path(given) for given in sys.argv[1:3])
sys.path.insert(0, str(packages / "site"))
ALL = (
    "email phone credit_card iban us_ssn us_itin uk_nhs ip mac date_of_birth medical_record_number passport crypto_wallet "
    "url_credentials secret"
).split()


def write(source, value, labels, covers):
    labels = [{"detector": detector, "value": value} for detector, value in labels]
    print(json.dumps({"source": source, "value": value, "labels": labels, "covers": covers}))


def presidio_sentences():
    """Sentences made from templates by the authors of Presidio, with spans."""
    kinds = {
        "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "credit_card", "IBAN_CODE": "iban", "US_SSN": "us_ssn",
        "IP_ADDRESS": "ip",
    }
    large = checkouts / "presidio-research/data/generated_large.json"
    for source, file in [
        ("presidio-evaluator", next(packages.glob("presidio_evaluator-*/data/synth_dataset_v2.json"))),
        ("presidio-research", large),
    ]:
        if not file.exists():
            continue
        for row in json.loads(file.read_text()):
            labels = [(kinds[span["entity_type"]], span["entity_value"]) for span in row["spans"] if span["entity_type"] in kinds]
            write(source, row["full_text"], labels, list(kinds.values()))


def clinical_notes():
    """Notes by the authors of deidgate, and of outis, which makes them from templates."""
    from outis.data.generators import base, coverage

    kinds = {"mrn": "medical_record_number", "email": "email", "ssn": "us_ssn", "ip": "ip", "phone": "phone", "fax": "phone"}
    for line in (packages / "site/deidgate/data/safeharbor_seed.jsonl").read_text().splitlines():
        note = json.loads(line)
        labels = [(kinds[each["category"]], each["value"]) for each in note["phi"] if each["category"] in kinds]
        write("deidgate", note["text"], labels, sorted(set(kinds.values())))
    for split in ("train", "validation"):
        for note in [*base.generate_rows(400, split, 2026), *coverage.generate_rows(200, split=split, seed=2026)]:
            spans = [(span["label"].lower(), note["text"][span["start"] : span["end"]]) for span in note["spans"]]
            write("outis", note["text"], [(kinds[kind], value) for kind, value in spans if kind in kinds], sorted(set(kinds.values())))


def validators():
    """Numbers that python-stdnum's own examples call valid or not: of the kinds we know, and of two hundred that are none of ours."""
    import stdnum

    kinds = {"us.ssn": "us_ssn", "us.itin": "us_itin", "gb.nhs": "uk_nhs", "iban": "iban", "bitcoin": "crypto_wallet", "mac": "mac"}
    parser = doctest.DocTestParser()
    tests = next(packages.glob("python_stdnum-*/tests"))
    for found in pkgutil.walk_packages(stdnum.__path__, "stdnum."):
        name = found.name.removeprefix("stdnum.")
        text = importlib.import_module(found.name).__doc__ or ""
        more = tests / f"test_{name.replace('.', '_')}.doctest"
        if more.exists():
            text += "\n" + more.read_text().replace(f"{name.split('.')[-1]}.validate(", "validate(")
        # One country's rules say more than ISO 13616, and Luhn's digit alone makes no card.
        covers = [kind for kind in ALL if not name.endswith(f"_{kind}") and not name.endswith(f".{kind}") and name != "luhn"]
        covers = ALL if name in kinds else covers
        for example in parser.get_examples(text):
            try:
                call = ast.parse(example.source.strip(), mode="eval").body
                number = ast.literal_eval(call.args[0])
            except (SyntaxError, AttributeError, IndexError, ValueError):
                continue
            if getattr(call.func, "id", "") != "validate" or not isinstance(number, str) or len(number) < 7:
                continue
            valid = example.exc_msg is None and "Traceback" not in example.want
            labels = [(kinds[name], number)] if name in kinds and valid else []
            # A validator is asked whether a text is of its kind, as a member's name says it.
            write("python-stdnum", {kinds.get(name, name.replace(".", "_")): number}, labels, covers)


def records():
    """Records of made-up people and things: what a value is, is the name of Faker's method that made it."""
    from faker import Faker

    personal = {
        "email": "email", "phone_number": "phone", "credit_card_number": "credit_card", "iban": "iban", "ssn": "us_ssn", "itin": "us_itin",
        "ipv4": "ip", "ipv6": "ip", "mac_address": "mac", "date_of_birth": "date_of_birth", "passport_number": "passport",
    }
    others = (
        "name address city postcode company job color_name ean13 isbn13 license_plate vin swift uuid4 md5 sha1 sha256 user_agent "
        "iso8601 unix_time latitude longitude price currency_code locale file_name mime_type word sentence catch_phrase "
        "credit_card_expire credit_card_security_code ein invalid_ssn slug hex_color random_number user_name domain_name image_url uri_path"
    ).split()
    for locale in "en_US en_GB en_CA en_AU en_IE de_DE de_AT de_CH fr_FR fr_CH it_IT es_ES pt_PT pt_BR nl_NL nl_BE sv_SE no_NO pl_PL cs_CZ".split():
        Faker.seed(f"aegis {locale}")
        fake = Faker(locale)
        for _ in range(40):
            value, labels = {}, []
            for method in [*personal, *others]:
                # Only some places have them.
                if method in ("ssn", "itin", "ein", "invalid_ssn", "passport_number") and locale != "en_US":
                    continue
                try:
                    made = getattr(fake, method)(**({"digits": 9} if method == "random_number" else {}))
                except AttributeError:
                    continue
                made = made if isinstance(made, (int, float)) else str(made)
                value[method] = made
                if method in personal:
                    labels.append((personal[method], str(made)))
            write("faker", value, labels, ALL)


def patients():
    """Numbers of the package nhs-number, of every region that has any, as they are written in letters and as a member; and wrong ones."""
    import nhs_number as library

    random.seed(2026)
    for region in (library.REGION_ENGLAND_WALES_IOM, library.REGION_SCOTLAND, library.REGION_NORTHERN_IRELAND, library.REGION_SYNTHETIC):
        for number in library.generate(for_region=region, quantity=50):
            spaced = library.standardise_format(number)
            spaced = spaced if " " in spaced else f"{number[:3]} {number[3:6]} {number[6:]}"
            write("nhs-number", {"nhs_number": number}, [("uk_nhs", number)], ALL)
            write("nhs-number", spaced, [("uk_nhs", spaced)], ALL)
    for number in library.generate(valid=False, quantity=200):
        write("nhs-number", {"nhs_number": number}, [], ALL)


def telephone_numbers():
    """An example of every kind of number of every country, as Google's libphonenumber writes it."""
    import phonenumbers as library

    kinds = [library.PhoneNumberType.FIXED_LINE, library.PhoneNumberType.MOBILE]
    for region in sorted(library.SUPPORTED_REGIONS):
        for kind in kinds:
            number = library.example_number_for_type(region, kind)
            if number is None:
                continue
            for form in (library.PhoneNumberFormat.INTERNATIONAL, library.PhoneNumberFormat.E164):
                text = library.format_number(number, form)
                write("libphonenumber", f"{region}: {text}", [("phone", text)], ALL)
            text = library.format_number(number, library.PhoneNumberFormat.NATIONAL)
            write("libphonenumber", {"phone": text}, [("phone", text)], ALL)


def presidio_tests():
    """Cases of Presidio's recognizers. One that is nothing but a number is asked as the member of an entity's name: its test asks so."""
    kinds = {
        "us_ssn": "us_ssn", "us_itin": "us_itin", "uk_nhs": "uk_nhs", "us_passport": "passport", "uk_passport": "passport",
        "de_passport": "passport", "es_passport": "passport", "in_passport": "passport", "it_passport": "passport",
        "kr_passport": "passport", "email": "email", "ip": "ip", "credit_card": "credit_card", "iban": "iban", "crypto": "crypto_wallet",
        "mac": "mac", "phone": "phone",
    }
    for name, kind in kinds.items():
        file = checkouts / f"presidio/presidio-analyzer/tests/test_{name}_recognizer.py"
        for case in cases(file):
            text = case.get("text") or case.get("iban")
            count = case.get("expected_len", case.get("expected_count"))
            places = case.get("expected_positions") or case.get("expected_position") or case.get("expected_res") or ()
            if not isinstance(text, str) or not text or not isinstance(count, int):
                continue
            places = [places] if places and isinstance(places[0], int) else places
            if len(places) != count:
                continue
            # A prefix length (RFC 4632) and a zone (RFC 4007) are no part of an address.
            labels = [(kind, re.split("[/%]", text[start:end])[0] if kind == "ip" else text[start:end]) for start, end in places]
            bare = not any(letter.islower() for letter in text) or text == (labels and labels[0][1])
            asked = {kind: text} if bare and kind in ("us_ssn", "us_itin", "uk_nhs", "passport") else text
            # That a number is no passport of one country says nothing of the others.
            write("presidio-analyzer", asked, labels, [] if kind == "passport" else [kind])


def gitleaks_samples():
    """What gitleaks tries its rules on: what a rule finds in a sample is its secret; a sample that is no secret to any rule is clear."""
    file = packages / "samples.jsonl"
    if not file.exists():
        return
    known = set()
    for line in file.read_text().splitlines():
        sample = json.loads(line)
        key = (sample["rule"], sample["secret"], sample["text"])
        if key in known or (sample["secret"] and not sample["secrets"]) or (not sample["secret"] and sample["all"]):
            continue
        known.add(key)
        labels = [("secret", secret) for secret in sample["secrets"]] if sample["secret"] else []
        write("gitleaks", sample["text"], labels, ["secret"])


def detect_secrets_tests():
    """Cases of detect-secrets' plugins. Where one plugin says no, all of them are asked: another one's secret is not wrong."""
    if not (checkouts / "detect-secrets").exists():
        return
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    for file in sorted((checkouts / "detect-secrets/tests/plugins").glob("*_test.py")):
        if file.name.startswith(("ip_", "high_entropy", "keyword", "base")):
            continue
        for case in cases(file):
            text, flagged = case.get("payload"), case.get("should_flag")
            if not isinstance(text, str) or not isinstance(flagged, bool):
                continue
            if flagged:
                write("detect-secrets", text, [("secret or url_credentials", text)], [])
                continue
            with default_settings():
                if not list(scan_line(text)):
                    write("detect-secrets", text, [], ["secret", "url_credentials"])


def cases(file):
    """The rows of every `pytest.mark.parametrize` of a file, by the parameters' names; what is no literal is left out."""
    if not file.exists():
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "parametrize" and len(node.args) > 1):
            continue
        if not isinstance(node.args[1], (ast.List, ast.Tuple)):
            continue
        try:
            names = ast.literal_eval(node.args[0])
        except ValueError:
            continue
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        for row in node.args[1].elts:
            if isinstance(row, (ast.List, ast.Tuple)):
                yield {name: literal(value) for name, value in zip(names, row.elts)}


def literal(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


for each in (
    presidio_sentences, clinical_notes, validators, records, patients, telephone_numbers, presidio_tests, gitleaks_samples,
    detect_secrets_tests,
):
    each()
