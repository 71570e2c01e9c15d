"""Many tasks at once: filters, actions, bulk runs, the sweep, and the pipeline that operating code takes."""
