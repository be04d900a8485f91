create schema if not exists erasures;

-- Contracts whose data is gone: a late fact about one of them is dropped. Holds nothing but the code and the proof's id.
create table erasures.erased_contracts (
    service_code text primary key,
    erasure_id   uuid not null
);
