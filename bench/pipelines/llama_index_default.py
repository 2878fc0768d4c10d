"""LlamaIndex as its starter guide shows it: SimpleDirectoryReader, VectorStoreIndex with every default, persisted.

Run by bench/sync.py: PAGES STORE WEIGHTS. Prints one JSON object; imports and loading of the model are not timed. By
default HTML is read as text with its tags, cut into nodes of 1,024 tokens, and the model reads the first 256 of each.
"""

import json
import resource
import sys
import time

from llama_index.core import Settings, SimpleDirectoryReader, VectorStoreIndex
from llama_index.embeddings.huggingface import HuggingFaceEmbedding

pages, store, weights = sys.argv[1:]
Settings.embed_model = HuggingFaceEmbedding(model_name=weights)
began = time.perf_counter()
documents = SimpleDirectoryReader(pages).load_data()
index = VectorStoreIndex.from_documents(documents)
index.storage_context.persist(store)
figures = {
    "documents": len(documents),
    "passages": len(index.index_struct.nodes_dict),
    "seconds": time.perf_counter() - began,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}
print(json.dumps(figures))
