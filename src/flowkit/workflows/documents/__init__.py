"""How the parts of a workflow are read from documents and written back; `workflows.codec` puts them together."""
