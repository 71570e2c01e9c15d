"""The demo: the whole application on this machine, with a folder of documents going through it."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from demo.display import make_display, printable, say, words
from demo.tracking import CHECKOUT, STACK, Document, Tracker, count_by_status, deploy
from status_tracker_local.alarm_lines import alarm_lines
from status_tracker_local.cloud import LocalCloud
from status_tracker_local.up import left_out

EXIT_DONE = 0
EXIT_NOT_DONE = 1
# How long the documents may take: far more than they do, since what hangs would hang for ever.
_PATIENCE_SECONDS = 300.0
_PATIENCE_PER_DOCUMENT = 2.0
_LOOK_EVERY_SECONDS = 0.25
# With more documents, their answers go to a file.
_MOST_SHOWN_IN_FULL = 20
_QUESTIONS = "lambdas/documents/questions.json"


class Found(NamedTuple):
    """The documents of a folder.

    Attributes:
        folder: the folder.
        files: every file in it and its subfolders, in the order of their names, without the hidden ones.
        hidden: how many files were left out because they, or a folder they are in, begin with a dot.
    """

    folder: Path
    files: list[Path]
    hidden: int


def find_documents(folder: Path) -> Found:
    """Look for documents.

    Raises:
        ValueError: there is no such folder, or nothing in it.
        OSError: it cannot be read.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{folder} {found}; a folder of documents is wanted: --docs PATH, or make demo DOCS=PATH.")
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in every if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not files:
        but = " but hidden ones" if every else ""
        raise ValueError(f"{folder} has no files in it{but}. Put some PDFs there, or give another folder.")
    return Found(folder, files, len(every) - len(files))


def run_demo(cloud: LocalCloud, found: Found, report: Path | None = None) -> int:
    """Deploy, upload the files, follow them to their end, and show their outcomes.

    Args:
        report: the file that gets a report on every document, as `documents.report` writes it.

    Returns:
        The exit code: 0 when every file was uploaded, and every document has succeeded or was set aside with its
        reason.
    """
    deploy(cloud)
    for line in left_out(cloud):
        say(line)
    tracker = Tracker(cloud)
    say(f"Uploading {len(found.files)} documents from {printable(str(found.folder))}")
    if found.hidden:
        say(f"Skipped: {found.hidden} hidden files (their name, or that of a folder, begins with a dot)")
    documents, not_uploaded = upload_documents(cloud, found)
    print(flush=True)
    patience = _PATIENCE_SECONDS + _PATIENCE_PER_DOCUMENT * len(documents)
    _follow(tracker, documents, patience)
    if report is not None:
        write_report(report, documents)
    for refused in cloud.refusals():
        say(f"Refused: {printable(refused)}")
    cloud.forward()  # alarms are evaluated at the end of each minute; this is not waited for
    alarms = list(alarm_lines(cloud.alarm_changes()))
    return tell_outcome(documents, patience=patience, logs=cloud.logs, not_uploaded=not_uploaded, alarms=alarms)


def upload_documents(cloud: LocalCloud, found: Found) -> tuple[list[Document], list[str]]:
    """Upload what can be uploaded, and print of each other file why not.

    Returns:
        The uploaded documents, and a line for each file that could not be uploaded.
    """
    s3, bucket = cloud.client("s3"), cloud.outputs[STACK]["DocumentBucketName"]
    documents, failures = [], []
    for file in found.files:
        key = file.relative_to(found.folder).as_posix()
        try:
            documents.append(_upload(s3, bucket, key, file))
        except (OSError, ValueError, BotoCoreError, ClientError) as error:
            failures.append(f"{printable(key)}: {_why_not(key, error)}")
            say(f"Not uploaded: {failures[-1]}")
    return documents, failures


def _upload(s3: Any, bucket: str, key: str, file: Path) -> Document:
    with file.open("rb") as body:
        etag = s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
    return Document(key=key, task_id=f"{key}#{etag}")


def _why_not(key: str, error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or printable(str(error))
    if isinstance(error, UnicodeError):
        return "its name is not UTF-8; rename it"
    hint = "" if key.isprintable() else "its name has a control character; rename it. "
    return f"{hint}{printable(str(error))}"


def tell_outcome(
    documents: Sequence[Document],
    *,
    patience: float,
    logs: Path,
    not_uploaded: Sequence[str] = (),
    alarms: Sequence[str] = (),
) -> int:
    """Print what has come of the documents, and what to do next.

    Args:
        documents: all of them, ended or not.
        patience: how long they were waited for, in seconds.
        logs: where the logs are, and where the answers go when they are too many for the screen.
        not_uploaded: a line for each file that could not be uploaded.
        alarms: a line for each alarm that has gone off.

    Returns:
        The exit code of the demo.
    """
    _summarize(documents, logs)
    if alarms:
        print("\nAlarms (docs/operations.md):")
    for line in alarms:
        say(f"  {line}")
    if not_uploaded:
        print(f"\nNot uploaded: {len(not_uploaded)} files")
    for line in not_uploaded:
        say(f"  {line}")
    unaccounted = [document for document in documents if not document.accounted_for]
    if unaccounted:
        _explain(unaccounted, patience, logs)
    if unaccounted or not_uploaded:
        return EXIT_NOT_DONE
    _suggest()
    return EXIT_DONE


def _follow(tracker: Tracker, documents: Sequence[Document], patience: float) -> None:
    """Show the documents until all have ended, or our patience has."""
    deadline = time.monotonic() + patience
    with make_display() as display:
        display.show(documents)
        while not all(document.ended for document in documents) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)
            tracker.refresh(documents)
            display.show(documents)


def write_report(file: Path, documents: Sequence[Document]) -> None:
    """Write to `file` what has become of the documents, and say so."""
    from documents.report import entry, write  # noqa: PLC0415 - the application is on no path of ours

    entries = [
        entry(
            document.key,
            document.status if document.ended else f"{document.status} in {document.step}",
            reason=document.last_reason or None,
            answers=document.answers,
            also_found=document.also_found,
            warnings=document.warnings,
            pages=document.pages,
        )
        for document in documents
    ]
    write(file, entries)
    say(f"\nThe report on {len(entries)} documents is in {printable(str(file))}")


def _summarize(documents: Sequence[Document], logs: Path) -> None:
    counts = ", ".join(f"{count} {words(status)}" for status, count in count_by_status(documents).items())
    print(f"\n{len(documents)} documents{counts and ': '}{counts}")
    succeeded = [document for document in documents if document.status == "succeeded" and document.ended]
    answered = [document for document in succeeded if document.answers or document.also_found or document.warnings]
    if len(documents) > _MOST_SHOWN_IN_FULL:
        _store_answers(answered, logs / "answers.json")
    else:
        _tell_answers(answered)
    if unanswered := [printable(document.key) for document in succeeded if not document.answers]:
        say(f"\nNone of the {_count_questions()} questions of {_QUESTIONS} is answered in: {', '.join(unanswered)}")
    _tell_ignored([document for document in documents if document.status == "ignored"])


def _tell_answers(answered: Sequence[Document]) -> None:
    for document in answered:
        print(f"\n{printable(document.key)}")
        for question, answer in document.answers.items():
            say(f"  {question.replace('_', ' '):<16} {printable(answer)}")
        for question, values in document.also_found.items():
            say(f"  {question.replace('_', ' '):<16} undecided: {printable(' or '.join(values))}")
        for warning in document.warnings:
            say(f"  Note: {printable(warning)}")


def _store_answers(answered: Sequence[Document], file: Path) -> None:
    answers = {document.key: document.answers for document in answered}
    file.write_text(json.dumps(answers, ensure_ascii=False, indent=1), encoding="utf-8")
    say(f"\nThe answers, found in {len(answered)} documents, are in {file}")


def _tell_ignored(ignored: Sequence[Document]) -> None:
    keys_by_reason: dict[str, list[str]] = {}
    for document in ignored:
        reason = printable(document.last_reason) or "no reason was recorded"
        keys_by_reason.setdefault(reason, []).append(printable(document.key))
    if ignored:
        print("\nIgnored, and why:")
    for reason, keys in keys_by_reason.items():
        say(f"  {', '.join(keys)}: {reason}")


def _count_questions() -> int:
    return len(json.loads((CHECKOUT / _QUESTIONS).read_text(encoding="utf-8")))


def _explain(unaccounted: Sequence[Document], patience: float, logs: Path) -> None:
    say(f"\nNot done: {len(unaccounted)} documents have not ended well within {patience:g} s.")
    for document in unaccounted:
        reason = f": {printable(document.last_reason)}" if document.last_reason else ""
        say(f"  {printable(document.key)} is {words(document.status)} in {document.step}{reason}")
    say(f"What the functions and the server said is in {logs}.")


def _suggest() -> None:
    print(
        "\nNext:\n"
        "  make demo DOCS=path/to/folder   the same with documents of your own\n"
        "  make cloud                      keep the local cloud up, and reach it with aws, boto3 and cdk\n"
        "  make deploy STAGE=prod          deploy to the AWS account of your credentials"
    )
