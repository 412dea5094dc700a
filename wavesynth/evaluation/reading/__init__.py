"""How well a voice reads text aloud: is it understood, does it sound natural, does it vary its pitch, is it quick?"""
