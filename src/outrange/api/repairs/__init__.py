"""The public function `repair`."""
