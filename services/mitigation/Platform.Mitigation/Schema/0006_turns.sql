-- Which came first, a mitigation or a turn of the kill switch: their places in the feed say it, clocks do not.
alter table views.mitigations_v1 add column sequence bigint not null default 0;
alter table views.kill_switch_v1 add column sequence bigint; -- null: turned before this column was there
