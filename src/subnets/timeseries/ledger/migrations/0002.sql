-- A lake asks what was scored in a day.
CREATE INDEX ts_requests_scored ON ts_requests (scored_at);
