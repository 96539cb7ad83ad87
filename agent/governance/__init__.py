"""Who may see what, and until when: agreements between a union of comuni and its partners, as code.

    union.yaml + agreements/*.yaml  ->  rights  ->  access lists of brokers, views, notices, a tested table

The invariant: what nobody was granted is denied, and a grant ends by itself at the end of its agreement.
"""
