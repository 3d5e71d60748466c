"""FDL v1, the flow definition language of Alibaba Cloud's Serverless Workflow, as far as imgfn runs it.

https://help.aliyun.com/en/document_detail/122492.html. Free of the engine: `interpreter` runs a definition on whatever
implements `imgfn.flows.run.Run`.
"""
