"""Operating any pipeline on Lambda: intake, sweep, bulk runs, the widget."""
