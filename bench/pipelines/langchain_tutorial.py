"""LangChain as its guide shows it: BSHTMLLoader, RecursiveCharacterTextSplitter 512/64, HuggingFaceEmbeddings, Chroma.

Run by bench/sync.py: PAGES STORE WEIGHTS. Prints one JSON object; imports and loading of the model are not timed.
"""

import json
import resource
import sys
import time
from pathlib import Path

from langchain_chroma import Chroma
from langchain_community.document_loaders import BSHTMLLoader
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

pages, store, weights = sys.argv[1:]
model = HuggingFaceEmbeddings(model_name=weights)
began = time.perf_counter()
files = sorted(Path(pages).glob("*.html"))
parser = {"open_encoding": "utf-8", "bs_kwargs": {"features": "html.parser"}}
loaded = [document for file in files for document in BSHTMLLoader(str(file), **parser).load()]
pieces = RecursiveCharacterTextSplitter(chunk_size=512, chunk_overlap=64).split_documents(loaded)
database = Chroma(persist_directory=store, embedding_function=model)
for first in range(0, len(pieces), 5000):
    database.add_documents(pieces[first : first + 5000])
figures = {
    "documents": len(files),
    "passages": len(pieces),
    "seconds": time.perf_counter() - began,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}
print(json.dumps(figures))
