"""The task table and its index."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from status_tracker_cdk.access import allow, allow_key
from status_tracker_cdk.naming import is_taken, take
from status_tracker_cdk.props import PropsError
from status_tracker_cdk.retention import DataProps

KEY_ATTRIBUTE = "key"
INDEX_NAME = "status_and_update_time-index"
INDEX_KEY_ATTRIBUTE = "value"
INDEX_RANGE_ATTRIBUTE = "update_time"
TIME_TO_LIVE_ATTRIBUTE = "expire_at"
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.Processing
_STREAM_READERS = 2
_STREAM = "status-tracker:stream"
INDEX_PROJECTION = ("create_time", "status", "retry", "lock", "lock_time", "lock_expire_time")


class TableRights:
    """A task table, and the rights to its items and its index.

    Attributes:
        table: the table.
    """

    table: dynamodb.ITable

    def claim(self, use_case_id: str) -> None:
        """Take a use case of this table for a tracker.

        Raises:
            PropsError: another tracker has it: each would sweep and count the tasks of both.
        """
        if not take(self.table, "status-tracker:use-case", f"{self.table.node.path} {use_case_id}"):
            raise PropsError(
                [f"use_case_id {use_case_id!r} is another tracker's on the same table: give each one of its own"]
            )

    @property
    def problem_of_stream(self) -> str | None:
        """Why events cannot be told from the table's stream; None where they can, as far as the CDK knows."""
        wanted = dynamodb.StreamViewType.NEW_AND_OLD_IMAGES.value
        if self.table.table_stream_arn is None:
            return (
                f"events need a stream, and the table has none: switch one on with {wanted}, and import it with "
                "table_stream_arn, by Table.from_table_attributes; or leave events off"
            )
        resource = self.table.node.default_child
        stream = resource.stream_specification if isinstance(resource, dynamodb.CfnTable) else None
        if isinstance(stream, dynamodb.CfnTable.StreamSpecificationProperty) and stream.stream_view_type != wanted:
            return f"events need a stream with {wanted}, and that of the table has {stream.stream_view_type}"
        return None

    @property
    def problem_of_readers(self) -> str | None:
        """Why events cannot read the table's stream too; None where there is room."""
        if not all(is_taken(self.table, _STREAM, place) for place in self._readers):
            return None
        return (
            "events would be the third reader of one stream, and DynamoDB lets two read it: switch them off in one of "
            "the trackers of this table"
        )

    def claim_stream(self) -> str:
        """Take one of the two readers that a stream may have; returns the ARN of the stream.

        Raises:
            PropsError: there is no stream that can be used, or it has two readers.
        """
        if problem := self.problem_of_stream or self.problem_of_readers:
            raise PropsError([problem])
        any(take(self.table, _STREAM, place) for place in self._readers)
        return str(self.table.table_stream_arn)

    @property
    def _readers(self) -> list[str]:
        return [f"{self.table.node.path} {number}" for number in range(_STREAM_READERS)]

    def allow_items(self, *actions: str) -> iam.PolicyStatement:
        """A statement that allows DynamoDB `actions`, such as ``PutItem``, on the table's items."""
        return allow([f"dynamodb:{action}" for action in actions], self.table.table_arn)

    def allow_following(self) -> list[iam.PolicyStatement]:
        """What comparing and correcting the kept counts needs besides the items; nothing where there is no stream."""
        if self.table.table_stream_arn is None:
            return []
        return [
            allow(["dynamodb:ConditionCheckItem", "dynamodb:DescribeTable"], self.table.table_arn),
            allow(["dynamodb:DescribeStream"], self.table.table_stream_arn),
        ]

    def allow_key(self) -> list[iam.PolicyStatement]:
        """The rights to the table's own key; empty where it has none, or was imported without it."""
        return allow_key(self.table.encryption_key)

    def allow_listing(self) -> iam.PolicyStatement:
        """A statement that allows to list the tasks, by the index."""
        return allow(["dynamodb:Query"], f"{self.table.table_arn}/index/{INDEX_NAME}")


class ExistingTable(TableRights):
    """A task table that is there already, with the key and the index of a `TaskTable`.

    Where it is encrypted with a KMS key, the roles may use that if the CDK knows it: a table that is imported by its
    name is imported without its key, so give ``encryption_key`` to ``Table.from_table_attributes``.

    Example::

        table = ExistingTable(dynamodb.Table.from_table_name(self, "Tasks", "tasks"))
    """

    def __init__(self, table: dynamodb.ITable) -> None:
        self.table = table


class TaskTable(Construct, TableRights):
    """One table with one index, as the library's PynamoDB model has them.

    Encrypted with the AWS managed key: its use shows in CloudTrail, and unlike a customer key it has no monthly fee
    and needs no extra rights in every role.

    Args:
        props: whether it outlives the stack; by default it does.
        stream: whether its changes are streamed, with the old and the new item; by default not.

    Attributes:
        table: the table.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, props: DataProps | None = None, stream: bool = False
    ) -> None:
        props = props or DataProps()
        super().__init__(scope, construct_id)
        string = dynamodb.AttributeType.STRING
        # Table, not TableV2: the latter is a GlobalTable to CloudFormation, and that the local cloud does not have.
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=KEY_ATTRIBUTE, type=string),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
            time_to_live_attribute=TIME_TO_LIVE_ATTRIBUTE,
            deletion_protection=props.retain_data,
            # Not even a first deployment that fails could delete it, since it is protected.
            removal_policy=RemovalPolicy.RETAIN if props.retain_data else props.removal_policy,
        )
        self.table.add_global_secondary_index(
            index_name=INDEX_NAME,
            partition_key=dynamodb.Attribute(name=INDEX_KEY_ATTRIBUTE, type=string),
            sort_key=dynamodb.Attribute(name=INDEX_RANGE_ATTRIBUTE, type=string),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(INDEX_PROJECTION),
        )
