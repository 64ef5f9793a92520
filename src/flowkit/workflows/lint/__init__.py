"""The lint's rules, one module for each family; `flowkit.workflows.check` applies them."""
