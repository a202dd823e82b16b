"""The scripted chat model of LangChain, which this framework uses."""

from models.langchain import supply

__all__ = ["supply"]
