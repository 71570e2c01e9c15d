"""to come"""


class DashboardPage:
    def __init__(self, monitor):
        pass
