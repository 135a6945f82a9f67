"""The job `luma_auto_approval`: who waits to be let in to a coming event and is an active member is let in.

All pages are read before anything is decided, because a decision moves what the next page is. Then each guest is read
once more right before her approval. Luma's own state is the journal: a guest is approved only while she is pending, so
that neither a rerun, nor a lost answer, nor a host who was faster has her mailed twice.
"""
