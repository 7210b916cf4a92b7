"""The floor: tokens, money, time. No models, no imports from the apps."""
