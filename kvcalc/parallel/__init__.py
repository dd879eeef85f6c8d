"""How a model is spread over GPUs: what ranks there are, what each keeps of a tensor, of a model.

Tensors alone are known here, and no engine; an engine with ways of its own goes by its own rules.
"""
