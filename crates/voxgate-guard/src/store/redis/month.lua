-- Months since March of the year 0, and back (Howard Hinnant, date_algorithms).
local function month_of(us)
  local days = math.floor(us / 86400000000) + 719468
  local era, doe = math.floor(days / 146097), days % 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  return (era * 400 + yoe) * 12 + math.floor((5 * doy + 2) / 153)
end

local function month_start(month)
  local year, m = math.floor(month / 12), month % 12
  local era, yoe = math.floor(year / 400), year % 400
  local doe = 365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100) + math.floor((153 * m + 2) / 5)
  return (era * 146097 + doe - 719468) * 86400000000
end
