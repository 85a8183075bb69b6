# Put a checked board in the place of the one before, so that a reader sees the one or the other: publish.sh BOARD SITE
set -eu
name=$(basename "$1")
rm -rf "$2/.$name.next" "$2/.$name.before"
cp -R "$1" "$2/.$name.next"
if [ -e "$2/$name" ]; then mv "$2/$name" "$2/.$name.before"; fi
mv "$2/.$name.next" "$2/$name"
rm -rf "$2/.$name.before"
echo "published $name"
