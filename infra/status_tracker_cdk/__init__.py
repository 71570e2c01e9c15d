"""Constructs for the tasks of status-tracker: `Tracker` has them all, and each stands alone.

What is not in this list is not part of the interface.
"""

from status_tracker_cdk import _needed  # noqa: F401 - first: it says what is not installed
from status_tracker_cdk.bulk import Backfill, BulkCancel, BulkDelete, BulkRerun
from status_tracker_cdk.bulk_machine import BulkCommons, BulkMachine, BulkProps
from status_tracker_cdk.code import CodeFolder
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.events import EventsProps, TaskEvents
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.intake import Intake, IntakeProps
from status_tracker_cdk.layer import TrackerLayer
from status_tracker_cdk.monitoring.alarm_props import AlarmProps
from status_tracker_cdk.monitoring.metrics import Watched
from status_tracker_cdk.monitoring.monitoring import Monitoring
from status_tracker_cdk.props import PropsError
from status_tracker_cdk.retention import DataProps, LogProps
from status_tracker_cdk.retries import RetryProps
from status_tracker_cdk.sqs_worker import SqsWorker
from status_tracker_cdk.sweep import Sweep, SweepProps
from status_tracker_cdk.table import ExistingTable, TaskTable
from status_tracker_cdk.tracker import Tracker
from status_tracker_cdk.widget import Widget
from status_tracker_cdk.worker_pace import WorkerPace
from status_tracker_cdk.worker_queue import WorkerQueue
from status_tracker_cdk.workflow import StepProps, TaskWorkflow, TrackedStep

__all__ = [
    "AlarmProps",
    "Backfill",
    "BulkCancel",
    "BulkCommons",
    "BulkDelete",
    "BulkMachine",
    "BulkProps",
    "BulkRerun",
    "CodeFolder",
    "DataProps",
    "Deletion",
    "Dispatch",
    "EventsProps",
    "ExistingTable",
    "FunctionCommons",
    "HandlerFunction",
    "Intake",
    "IntakeProps",
    "LogProps",
    "Monitoring",
    "PropsError",
    "RetryProps",
    "SqsWorker",
    "StepProps",
    "Sweep",
    "SweepProps",
    "TaskEvents",
    "TaskTable",
    "TaskWorkflow",
    "TrackedStep",
    "Tracker",
    "TrackerLayer",
    "Watched",
    "Widget",
    "WorkerPace",
    "WorkerQueue",
]
