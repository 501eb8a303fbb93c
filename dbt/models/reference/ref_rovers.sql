-- Constants of time and place: see docs of the columns. Unix time of a clock value is clock_unix + clock_rate * (sclk - clock_sclk);
-- Perseverance's is interpolated instead (macro clock_anchors). Spirit and Opportunity count seconds on the clock directly; their
-- midnight was given on the clock, so it is moved to Unix time with the same constant.
select
    column1::integer as rover_id,
    column2::varchar as rover_name,
    column3::double as midnight0_unix,
    column4::double as clock_unix,
    column5::double as clock_rate,
    column6::double as clock_sclk,
    column7::boolean as is_clock_anchored,
    column8::integer as clock_error_seconds,
    column9::integer as midnight_shift_sol,
    column10::double as meridian_longitude,
    column11::boolean as has_traverse
from values
    (5, 'Curiosity', 1344174599.0, 1381317964.4, 1.000009438, 434589485.0, false, 2, null, 137.4125, true),
    (6, 'Opportunity', 946727935.816 + 128141378.0, 946727935.816, 1.0, 0.0, false, 600, null, 354.4734, false),
    (7, 'Spirit', 946727935.816 + 126320919.0, 946727935.816, 1.0, 0.0, false, 600, 2175, 175.4785, false),
    (8, 'Perseverance', 1613622256.0, 946722804.965, 1.000007924, 0.0, true, 3, null, 77.4275, true)
