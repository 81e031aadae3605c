"""A test case that cleans up after Ctrl-C and SIGTERM too: unittest by itself leaves what it started."""

import signal
import unittest


class TestCase(unittest.TestCase):
    def run(self, result=None):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().run(result)
        except KeyboardInterrupt:
            self.doCleanups()
            raise
