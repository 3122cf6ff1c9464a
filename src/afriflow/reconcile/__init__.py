"""Are we and the providers telling the same story?"""
