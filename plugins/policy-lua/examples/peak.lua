-- A whole policy: grows with the newest sample, shrinks to the peak of the window after a minute of calm.
-- neonvm run db --policy lua,script=$PWD/peak.lua
local target = { cpu = 0.8, memory = 0.75 }
local calm = 60

local function highest(samples, field)
  local most, watched = 0, 0
  for i = 1, #samples do
    local sample = samples[i]
    local value = sample[field]
    if value and sample.age <= calm then
      most = math.max(most, value)
      watched = math.max(watched, sample.age)
    end
  end
  return most, watched
end

local function wish(vm, field, have, share)
  local newest = vm.samples[#vm.samples]
  local now = newest and newest.age < 15 and newest[field]
  if not now then return nil end
  if now / share > have then return now / share end
  local most, watched = highest(vm.samples, field)
  if watched < calm - 2 then return nil end
  return math.min(have, most / share)
end

function decide(vm)
  local cpus = wish(vm, "cpu_demand", vm.has.cpus, target.cpu)
  local memory = wish(vm, "memory_need", vm.has.memory, target.memory)
  return cpus, memory, string.format("%s CPUs, %s bytes", cpus or "as many", memory or "as many")
end
