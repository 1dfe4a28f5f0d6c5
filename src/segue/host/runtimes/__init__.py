"""Factories for models of other libraries: `segue.host.runtimes.sklearn:load`, `segue.host.runtimes.onnx:load`."""
