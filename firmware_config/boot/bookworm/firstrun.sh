#!/bin/sh
# First boot of Raspberry Pi OS bookworm: called once by systemd.run= on the kernel's command line, as its
# own imager does. It takes that line back first, so a failure cannot become a loop of reboots.
sed -i 's| systemd\.[a-z_]*=[^ ]*||g' /boot/firmware/cmdline.txt
rm -f /boot/firmware/firstrun.sh
sh /boot/firmware/piazza/firstboot
exit 0
