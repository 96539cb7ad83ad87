#!/bin/bash -e
# Puts the packages that `make deb` made (copied into files/ of this folder) into the image and installs them.
install -d "${ROOTFS_DIR}/var/cache/piazza"
install -m 644 files/*.deb "${ROOTFS_DIR}/var/cache/piazza/"
on_chroot <<-'END'
	apt-get install -y --no-install-recommends /var/cache/piazza/*.deb
	rm -r /var/cache/piazza
END
