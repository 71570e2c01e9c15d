"""The CDK app: `cdk deploy`, or `status-tracker local` on this machine."""

import aws_cdk as cdk

from stack import OrdersStack

app = cdk.App()
OrdersStack(app, "orders")
app.synth()
