"""Lambda function: step 1, text and key-values of the document."""

from documents.extraction import extract_document
from documents.tasks import PIPELINE, ExtractTask
from status_tracker_ops.steps import step_handler

handler = step_handler(PIPELINE, ExtractTask, extract_document)
