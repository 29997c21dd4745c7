"""How is a document decided? The parts of the approval engine: the pure machine, who sits in a line, who may act.

`machine` knows nothing but values; `seating` fills a line with people; `authority` says who may act for whom now;
`calendar` knows working days. The service over them, with the database, is `operations/approval.py`.
"""
