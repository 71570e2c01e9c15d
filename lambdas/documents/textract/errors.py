"""What Amazon Textract's errors mean for a task."""

from documents.service_errors import ServiceErrors

TEXTRACT_ERRORS = ServiceErrors(
    service="Amazon Textract",
    hopeless={
        "UnsupportedDocumentException": (
            "Amazon Textract does not support this file. It reads PDF, PNG, JPEG and TIFF, none with a password and no"
            " XFA forms. Save the document as a plain PDF and upload that."
        ),
        "BadDocumentException": (
            "Amazon Textract cannot read this file: it is damaged. Open it in a viewer, save it anew and upload that."
        ),
        "DocumentTooLargeException": (
            "The document is too large for Amazon Textract (10 MB an image, 500 MB and 3,000 pages a PDF or TIFF)."
            " Split it or reduce its images, and upload the result."
        ),
        "InvalidS3ObjectException": (
            "Amazon Textract could not read its copy of the document in the result bucket: the function's role or the"
            " bucket's region is not the right one. Mend that, deploy, and run the task again."
        ),
        "InvalidParameterException": (
            "Amazon Textract refused the request, which is often a file that it cannot read. Save the document as a"
            " plain PDF and upload that."
        ),
        "AccessDeniedException": (
            "The function may not use Amazon Textract. Check its role and the account's policies, then run the task"
            " again."
        ),
    },
    busy=frozenset(
        {
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
            "LimitExceededException",
            "InternalServerError",
        }
    ),
)
EXPIRED_JOB = "InvalidJobIdException"
