"""What the two functions say of themselves to who adds them to a dashboard."""

VIEWER_DOCUMENTATION = """## Tasks of status-tracker
Shows how many tasks have which status, the tasks of a status, and a task in full, with buttons to rerun, ignore,
un-ignore and unlock it. The buttons call a second function: who may not invoke that one can look, and not act.

### Widget parameters
Param | Description
---|---
**view** | `overview` (default), `list` or `task`
**step** | `list`: the step, such as `Extract`
**status** | `list`: the status, such as `ignored`
**task_id** | `task`: the task's id

### Example parameters
```yaml
view: list
step: Extract
status: ignored
```
"""

ACTOR_DOCUMENTATION = """## Actions on tasks of status-tracker
Called by the buttons of the widget that shows the tasks; not to be put on a dashboard by itself. Who may invoke this
function may rerun, ignore, un-ignore and unlock tasks. Each action is recorded on its task.
"""
