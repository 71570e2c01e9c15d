"""The demo: the whole application on this machine, with a folder of documents going through it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_cloud.cloud import LocalCloud
from local_cloud.display import make_display, printable, words
from local_cloud.tracking import Document, Tracker, count_by_status

EXIT_DONE = 0
EXIT_NOT_DONE = 1
# How long the documents may take: far more than they do, since what hangs would hang for ever.
_PATIENCE_SECONDS = 300.0
_PATIENCE_PER_DOCUMENT = 2.0
_LOOK_EVERY_SECONDS = 0.25


def find_documents(folder: Path) -> list[Path]:
    """Every file in a folder and its subfolders, in the order of their names.

    Raises:
        ValueError: there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{folder} {found}; a folder of documents is wanted: --docs PATH, or make demo DOCS=PATH.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise ValueError(f"{folder} has no files in it. Put some PDFs there, or give another folder.")
    return files


def run_demo(cloud: LocalCloud, folder: Path, files: Sequence[Path]) -> int:
    """Deploy, upload the files, follow them to their end, and tell what came of them.

    Returns:
        The exit code: 0 when every document has succeeded or was set aside with its reason.
    """
    cloud.deploy()
    print(f"Not in the local cloud, so not deployed: {', '.join(cloud.ignored_resource_types) or 'nothing'}.")
    tracker = Tracker(cloud)
    print(f"Uploading {len(files)} documents from {folder}\n", flush=True)
    s3 = cloud.client("s3")
    documents = [_upload(s3, cloud.outputs["DocumentBucketName"], folder, file) for file in files]
    patience = _PATIENCE_SECONDS + _PATIENCE_PER_DOCUMENT * len(files)
    _follow(tracker, documents, patience)
    return tell_outcome(documents, patience=patience, logs=cloud.logs)


def tell_outcome(documents: Sequence[Document], *, patience: float, logs: Path) -> int:
    """Print what has come of the documents, and what to do next.

    Args:
        documents: all of them, ended or not.
        patience: how long they were waited for, in seconds.
        logs: where the logs are.

    Returns:
        The exit code of the demo.
    """
    _summarize(documents)
    unaccounted = [document for document in documents if not document.accounted_for]
    if unaccounted:
        _explain(unaccounted, patience, logs)
        return EXIT_NOT_DONE
    _suggest()
    return EXIT_DONE


def _upload(s3: Any, bucket: str, folder: Path, file: Path) -> Document:
    key = file.relative_to(folder).as_posix()
    with file.open("rb") as body:
        etag = s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
    return Document(key=key, task_id=f"{key}#{etag}")


def _follow(tracker: Tracker, documents: Sequence[Document], patience: float) -> None:
    """Show the documents until all have ended, or our patience has."""
    deadline = time.monotonic() + patience
    with make_display() as display:
        display.show(documents)
        while not all(document.ended for document in documents) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)
            tracker.refresh(documents)
            display.show(documents)


def _summarize(documents: Sequence[Document]) -> None:
    counts = ", ".join(f"{count} {status}" for status, count in count_by_status(documents).items())
    print(f"\n{len(documents)} documents: {counts}")
    succeeded = [document for document in documents if document.status == "succeeded" and document.ended]
    for document in succeeded:
        print(f"\n{printable(document.key)}")
        for question, answer in document.answers.items():
            print(f"  {question.replace('_', ' '):<16} {printable(answer)}")
        if not document.answers:
            print("  none of the questions is answered in it")
    ignored = [document for document in documents if document.status == "ignored"]
    if ignored:
        print("\nIgnored, and why:")
    for document in ignored:
        print(f"  {printable(document.key)}: {printable(document.last_reason) or 'no reason was recorded'}")


def _explain(unaccounted: Sequence[Document], patience: float, logs: Path) -> None:
    print(f"\nNot done: {len(unaccounted)} documents have not ended well within {patience:g} s.")
    for document in unaccounted:
        reason = f": {printable(document.last_reason)}" if document.last_reason else ""
        print(f"  {printable(document.key)} is {words(document.status)} in {document.step}{reason}")
    print(f"What the functions and the server said is in {logs}.")


def _suggest() -> None:
    print(
        "\nNext:\n"
        "  make demo DOCS=path/to/folder   the same with documents of your own\n"
        "  make cloud                      keep the local cloud up, and reach it with aws, boto3 and cdk\n"
        "  make deploy STAGE=prod          deploy to the AWS account of your credentials"
    )
