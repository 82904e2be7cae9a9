# SPDX-License-Identifier: Apache-2.0
# The judge behind bench/run.sh, with made-up benchmark programs: what it lists, prints, writes and exits with.
#
#   cmake -DFIGURES=<hpcsched_figures> -DFOLDER=<folder to use> -P figures.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})

# program(<name> <list> <body>): a benchmark program as a shell script, and a line in the list of programs
function(program name list body)
  file(WRITE ${FOLDER}/${name}
    "#!/bin/sh\nif [ \"$1\" = --list-figures ]; then\nprintf '${list}'\nexit 0\nfi\n${body}\n")
  file(CHMOD ${FOLDER}/${name} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  file(APPEND ${FOLDER}/programs.txt "${FOLDER}/${name}\n")
endfunction()

string(CONCAT good [[{"figure":"cpu.good","issue":2,"value":0.9312,"unit":"ms","beside":406.0,"ratio":0.00229,]]
  [["goal":"below 1 ms","holds":true}]])
string(CONCAT bad [[{"figure":"cpu.bad/load 0.9","issue":2,"value":1234.5,"unit":"","beside":null,"ratio":null,]]
  [["goal":"<= 1000","holds":false}]])
program(first "cpu.good\\t2\\twhat is good\\ncpu.bad\\t2\\twhat is bad\\n"
  "case $1 in\n--figure=cpu.good) echo a line of its own; echo 'figure: ${good}' ;;\n*) echo 'figure: ${bad}' ;;\nesac")
program(second "sim.crash\\t3\\twhat crashes\\nsim.silent\\t3\\twhat says nothing\\n"
  "case $1 in\n--figure=sim.crash) exit 1 ;;\nesac")

# expect(<status> <regex>... ARGUMENTS <argument>...): runs the judge; every regex must match what it says
function(expect status)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "ARGUMENTS")
  execute_process(COMMAND ${FIGURES} --programs ${FOLDER}/programs.txt ${arg_ARGUMENTS}
    RESULT_VARIABLE found OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT found EQUAL status)
    message(FATAL_ERROR "${arg_ARGUMENTS}: status ${found}, not ${status}\n${text}")
  endif()
  foreach(regex IN LISTS arg_UNPARSED_ARGUMENTS)
    if(NOT text MATCHES "${regex}")
      message(FATAL_ERROR "${arg_ARGUMENTS}: says nothing like '${regex}'\n${text}")
    endif()
  endforeach()
endfunction()

expect(0 "cpu.bad +issue 2  what is bad\ncpu.good +issue 2  what is good\nsim.crash +issue 3" ARGUMENTS --list)
expect(0 "^sim.crash[^\n]*\nsim.silent[^\n]*\n$" ARGUMENTS --list SIM)
expect(0 "a line of its own" "\\| cpu.good \\| 0.9312 ms \\| 406.0 ms \\| 0.00229[0-9]* \\| below 1 ms \\| yes +\\|"
  "1 figures, 0 of them do not hold" ARGUMENTS good)
expect(1 "\\| cpu.bad/load 0.9 \\| 1234 +\\| +\\| +\\| <= 1000 +\\| NO +\\|" "2 figures, 1 of them do not hold"
  ARGUMENTS cpu --json ${FOLDER}/figures.json)
expect(2 "sim.crash: failed" "sim.silent: reported no figure" ARGUMENTS sim)
expect(2 "no figure matches 'nothing'; --list names them" ARGUMENTS nothing)
expect(2 "--nonsense" ARGUMENTS --nonsense)
expect(2 "figures: " ARGUMENTS "(")
expect(2 "cannot write" ARGUMENTS good --json ${FOLDER}/no/such/folder/figures.json)

file(READ ${FOLDER}/figures.json written)
string(JSON length LENGTH "${written}")
if(NOT length EQUAL 2)
  message(FATAL_ERROR "the JSON holds ${length} figures, not 2:\n${written}")
endif()
foreach(key IN ITEMS figure issue value unit beside ratio goal holds)
  string(JSON found GET "${written}" 0 ${key})
endforeach()
string(JSON name GET "${written}" 0 figure)
string(JSON holds GET "${written}" 0 holds)
if(NOT name STREQUAL "cpu.bad/load 0.9" OR holds)
  message(FATAL_ERROR "the JSON is not what the programs said:\n${written}")
endif()
message(STATUS "the judge of the figures tells what holds from what does not")
