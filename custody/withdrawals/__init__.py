"""Withdrawal, Payment, Attempt: policy, approvals and the pipeline that cannot pay twice."""
