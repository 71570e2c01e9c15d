"""What AWS Lambda would find in its environment."""

import os

os.environ.update(USE_CASE_ID="orders", TASK_TABLE_NAME="orders", MAX_ATTEMPTS="3", AWS_DEFAULT_REGION="us-east-1")
