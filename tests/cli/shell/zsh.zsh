# Prints what zsh would complete: zsh.zsh FOLDER_OF_THE_SCRIPT LINE
zmodload zsh/zpty
zpty z zsh -f -i
capture() {
    local line
    while zpty -r z line; do
        line=${line%$'\r\n'}
        case $line in
            (*HIT:*) print -r -- "${line##*HIT:}" ;;
            (*DONE*) return ;;
        esac
    done
}
zpty -w z "PROMPT=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D"
# What only fills arrays is no match yet.
zpty -w z 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
    typeset -a hits; builtin compadd -A hits "$@"
    local hit; for hit in $hits; do print -r -- "HIT:$hit"; done
}'
zpty -w z 'finish() { print -r -- "DO""NE"; exit }; comppostfuncs=(finish); print REA""DY'
while zpty -r z ready && [[ $ready != *READY* ]]; do :; done
zpty -w -n z "$2"$'\t'
capture
zpty -d z
