"""Lambda function: step 2, answers to the business questions."""

from documents.answering.answering import answer_document
from documents.tasks import PIPELINE, AnswerTask
from status_tracker_ops.steps import step_handler

handler = step_handler(PIPELINE, AnswerTask, answer_document)
